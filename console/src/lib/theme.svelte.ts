// Light, dark, or as the system has it; remembered on this browser.
export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const CHOSEN = 'backsoon.theme';
const state = $state<{ theme: Theme }>({ theme: 'system' });

/** What was chosen. */
export function theme(): Theme {
  return state.theme;
}

/** Show what was chosen on this browser before. */
export function loadTheme(): void {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(CHOSEN);
  } catch {
    // then as the system has it
  }
  show(THEMES.find((one) => one === kept) ?? 'system');
}

/** Change it, and remember it. */
export function chooseTheme(chosen: Theme): void {
  show(chosen);
  try {
    localStorage.setItem(CHOSEN, chosen);
  } catch {
    // not remembered
  }
}

function show(chosen: Theme): void {
  state.theme = chosen;
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}
