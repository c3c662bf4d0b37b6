"""The parts of `make accept`: which images, neve's trees, real installations, the comparison."""
