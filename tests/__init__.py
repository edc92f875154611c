"""Tests of cbpf; the folders mirror the package."""
