// What is kept on this device of whoever is signed in, and goes with them.

/** What such keys begin with. */
export const PERSONAL = 'backsoon.me.';
type Place = Pick<Storage, 'length' | 'key' | 'removeItem'>;

/** Whoever signs out leaves nothing of theirs here, from whichever page they do. */
export function leave(place: Place): void {
  try {
    const keys = Array.from({ length: place.length }, (_, index) => place.key(index));
    for (const key of keys) if (key?.startsWith(PERSONAL) === true) place.removeItem(key);
  } catch {
    // this browser keeps nothing
  }
}
