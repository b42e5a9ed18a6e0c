// Whether what is seen is how it is now. Pure: events in, standing out.

/** `knownAt`: when what is seen was last known to hold (milliseconds); NaN: nothing is known yet. */
export type Link =
  | { is: 'starting' }
  | { is: 'live' }
  | { is: 'offline'; knownAt: number };

export type Said =
  | { event: 'remembered'; knownAt: number } // what was kept from another time is shown
  | { event: 'loaded' } // the state was read, and the stream is open
  | { event: 'lost'; at: number } // the stream ended, or the browser says that there is no network
  | { event: 'failed' }; // it was tried again in vain

export const STARTING: Link = { is: 'starting' };

export function next(link: Link, said: Said): Link {
  switch (said.event) {
    case 'loaded':
      return link.is === 'live' ? link : { is: 'live' };
    case 'remembered':
      return link.is === 'starting' ? { is: 'offline', knownAt: said.knownAt } : link;
    case 'lost': // what was known until now is not known from now on; if it was not, it is no better known for it
      return link.is === 'live' ? { is: 'offline', knownAt: said.at } : link;
    case 'failed':
      return link.is === 'starting' ? { is: 'offline', knownAt: Number.NaN } : link;
  }
}

/** Whether anything may be set: never by what is only remembered, for nothing is queued. */
export function mayAct(link: Link): boolean {
  return link.is === 'live';
}
