"""The world on one machine: adapters over a data folder, and the runner that plays AWS around the handlers."""
