// Writes the service worker of /me once the page is built, with the names of all that the page is made of.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

const PAGE = 'me.html';
/** What it needs beside what is built, from `public/`. */
const BESIDE = ['/manifest.webmanifest', '/icon.svg', '/icon-192.png'];

export function shell(): Plugin {
  return {
    name: 'backsoon-shell',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const wanted = new Set<string>();
        const take = (name: string): void => {
          const found = bundle[name];
          if (found === undefined || wanted.has(name)) return;
          wanted.add(name);
          if (found.type !== 'chunk') return;
          for (const each of [...found.imports, ...found.dynamicImports]) take(each);
          for (const each of found.viteMetadata?.importedCss ?? []) take(each);
          for (const each of found.viteMetadata?.importedAssets ?? []) take(each);
        };
        for (const [name, one] of Object.entries(bundle)) {
          if (one.type === 'chunk' && one.isEntry && one.facadeModuleId?.endsWith(PAGE)) take(name);
        }
        if (wanted.size === 0) throw new Error(`${PAGE} is not among what was built`);
        const files = [...[...wanted].map((name) => `/${name}`).sort(), ...BESIDE];
        const page = bundle[PAGE];
        const digest = createHash('sha256').update(JSON.stringify(files));
        if (page?.type === 'asset') digest.update(page.source);
        const source = readFileSync(resolve(import.meta.dirname, 'src/me/sw.js'), 'utf8')
          .replace('/* FILES */ []', JSON.stringify(files))
          .replace('/* VERSION */', digest.digest('hex').slice(0, 16));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source });
      },
    },
  };
}
