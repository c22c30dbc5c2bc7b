"""What a configured host carries: messages, logins and answers a second.

`python -m benchmarks.throughput` (root, a Debian machine; README.md in benchmarks/). One lab
host gets, in turn, Debian's own configuration (`stock`), what mailprov applies (`ours`), stock
with what the daemons' tuning documents advise (`tuned`), and mailprov's with lines that a site
may add (`ours, shared`). `variants` says what these are, `ground` brings the host to each,
`mail_load` and `dns_load` ask for work and judge what came of it, `loads` is what is measured,
`summary` what people read.
"""
