"""Those who watch: how pictures and messages reach them."""
