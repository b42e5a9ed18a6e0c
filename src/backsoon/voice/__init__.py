"""What a caller hears and may press: the words of each language, and the prompts that say them."""
