"""The throughput of a configured host: messages, logins and answers a second.

`python -m benchmarks.throughput` (root, a Debian machine; README.md in benchmarks/). One lab
host gets four configurations in turn. `stock` is Debian's own, and `ours` is mailprov's. `tuned` is
`stock` with the advice of the daemons' tuning documents. `ours, shared` is mailprov's with lines
that a site may add. `variants` defines them, and `ground` brings the host to each. `mail_load` and
`dns_load` ask for work and judge the results, `loads` measures, and `summary` writes the report.
"""
