// Starts the service worker. The page works without: only not without a network.
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string };
}

const WORKER = '/sw.js';

/** Start it once the page has loaded. Never raises. */
export async function startWorker(): Promise<void> {
  if (import.meta.env.DEV || !('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(trusted(WORKER), { scope: '/me', updateViaCache: 'none' });
  } catch {
    // a browser that keeps nothing (a private window, say): then there is nothing to see without a network
  }
}

/** The policy of the page takes addresses of scripts from here only. */
function trusted(address: string): string {
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  if (policies === undefined) return address;
  const policy = policies.createPolicy('backsoon-worker', {
    createScriptURL: (text) => {
      if (text !== WORKER) throw new TypeError('there is one worker only');
      return text;
    },
  });
  return policy.createScriptURL(address);
}
