// Starts a page.
import { mount, type Component } from 'svelte';
import { loadSession } from './session.svelte';
import { loadTheme } from './theme.svelte';
import { loadWords } from './words.svelte';
import './tokens.css';
import './base.css';

/** Show a page once its words are there; who is signed in is asked at the same time. */
export async function start(page: Component): Promise<void> {
  loadTheme();
  const session = loadSession();
  await loadWords();
  const target = document.getElementById('page');
  if (target === null) throw new Error('the page has no place');
  mount(page, { target });
  await session;
}
