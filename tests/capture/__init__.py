"""Tests of cbpf.capture and of the sample captures."""
