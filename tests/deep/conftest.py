"""Here so that the folders below find the nets and crops that they share."""
