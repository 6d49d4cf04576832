# The same as for all test programs in sh.
. "$TESTCTR_SOURCE/tests/support.sh"
