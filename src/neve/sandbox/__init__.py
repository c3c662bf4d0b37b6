"""The only subprocess user: bubblewrap, Docker and Podman behind one port."""
