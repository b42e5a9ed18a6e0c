// The service worker of /me: keeps what the page is made of, so that it opens without a network. Nothing that the API
// says is ever kept here, nor is anything sent from here.
const VERSION = '/* VERSION */';
const FILES = /* FILES */ [];
const PAGE = '/me';
const NAME = `backsoon-shell-${VERSION}`;
const PATIENCE = 4000; // milliseconds for which a network that says nothing is waited for

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll([PAGE, ...FILES].map((path) => new Request(path, { cache: 'no-cache' }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  const old = (name) => name.startsWith('backsoon-shell-') && name !== NAME;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate' && url.pathname === PAGE) event.respondWith(page(request));
  else if (FILES.includes(url.pathname)) event.respondWith(file(request));
});

/** As the server has it; as it was kept where nobody answers, or only what stands in between. */
async function page(request) {
  const kept = await caches.match(PAGE, { cacheName: NAME });
  const asked = fetch(request);
  if (kept === undefined) return asked;
  const late = new Promise((done) => setTimeout(done, PATIENCE, kept));
  const answered = asked.then((answer) => (answer.status >= 502 && answer.status <= 504 ? kept : answer));
  return Promise.race([answered, late]).catch(() => kept);
}

/** What was kept, for its name says what is in it; what has no such name is kept as long as this worker. */
async function file(request) {
  return (await caches.match(new URL(request.url).pathname, { cacheName: NAME })) ?? fetch(request);
}
