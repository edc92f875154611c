"""Measurements that take long or depend on the machine, and so are no tests. They measure; they judge nothing."""
