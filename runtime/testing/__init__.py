"""What tests of every role share: fakes of the ports, and hypothesis strategies."""
