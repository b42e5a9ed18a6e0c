import { svelte } from '@sveltejs/vite-plugin-svelte';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { shell } from './shell';

// Where `npm run dev` finds a Backsoon that runs.
const backsoon = process.env['BACKSOON'] ?? 'http://127.0.0.1:8623';

export default defineConfig({
  plugins: [svelte(), shell()],
  build: {
    outDir: process.env['BACKSOON_PAGES'] ?? resolve(import.meta.dirname, 'dist'),
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0, // the policy allows no data: addresses
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['index.html', 'me.html', 'admin.html'].map((name) => resolve(import.meta.dirname, name)),
    },
  },
  server: { proxy: { '/api': backsoon, '/sign-in': backsoon } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});
