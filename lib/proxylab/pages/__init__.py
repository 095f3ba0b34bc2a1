"""What the pages show: tables, figures and sentences built from recorded results alone."""
