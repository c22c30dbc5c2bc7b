"""This project beside Ansible, Ansible with Mitogen and pyinfra, doing the same work in one run.

`python -m benchmarks` runs it all (root, a Debian machine; see README.md in this folder).
`layouts` has the sites of the hosts, and `resources` has these sites file by file for the other
tools. `contenders` starts each tool, and `scenarios` measures it. `figures`, `tables` and `chart`
make the report. Some modules run by themselves. `scale` has a site of many users on the controller
alone. `many_hosts` goes from ten hosts to a thousand. `throughput` measures a configured host.
"""
