"""What every part of the page is made of: texts, prose, messages, differences, expanders."""
