"""`python -m provisioner` is `mailprov`."""

from provisioner.cli.main import main

main()
