"""What tests share: small real inputs and servers on loopback."""
