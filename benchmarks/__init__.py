"""This project beside Ansible, Ansible with Mitogen and pyinfra, doing the same work in one run.

`python -m benchmarks` runs it all (root, a Debian machine; see README.md in this folder).
`layouts` says what sites the hosts get, `resources` what that means file by file for the
others, `contenders` how each tool is started, `scenarios` what is measured, `figures`,
`tables` and `chart` turn measurements into what people read. By themselves: `scale`, a site of
many users on the controller alone, `many_hosts`, from ten hosts to a thousand, and
`throughput`, what a configured host carries.
"""
