"""What `make bench` runs: each module measures one thing with `run(argv) -> figures`; see `docs/benchmarks.md`."""
