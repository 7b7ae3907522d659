"""Tests of the chart, as Helm renders it and as an API server accepts it."""
