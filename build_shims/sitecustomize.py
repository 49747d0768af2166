"""Give Python 3.12 and newer the two names that pyradiomics 3.0.1's setup.py still calls.

Only on the path while pyradiomics is being built (see Makefile); never installed.
``configparser.SafeConfigParser`` and ``readfp`` were removed in Python 3.12.
"""

import configparser

if not hasattr(configparser, "SafeConfigParser"):

    class SafeConfigParser(configparser.ConfigParser):
        def readfp(self, fp, filename=None):
            self.read_file(fp, filename)

    configparser.SafeConfigParser = SafeConfigParser
