"""The notebook's faces: magics that parse, call one verb and display; the progress widget. No logic lives here."""
