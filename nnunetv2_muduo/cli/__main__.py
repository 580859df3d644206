"""`python -m nnunetv2_muduo.cli`: the `muduo` command."""

import sys

from nnunetv2_muduo.cli.main import main

sys.exit(main())
