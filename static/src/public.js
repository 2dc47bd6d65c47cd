// The public pages at home: booking works without a script, this only improves it.
