// What a browser keeps for an account. A browser that keeps nothing is no error.

/** The favourites of whoever is signed in: ids of people. */
export class Favourites {
  private readonly key: string;

  constructor(organisation: string, user: string) {
    this.key = `backsoon.favourites.${organisation}.${user}`;
  }

  read(): ReadonlySet<number> {
    try {
      const found: unknown = JSON.parse(localStorage.getItem(this.key) ?? '[]');
      return new Set(Array.isArray(found) ? found.filter((one): one is number => Number.isSafeInteger(one)) : []);
    } catch {
      return new Set();
    }
  }

  write(favourites: ReadonlySet<number>): void {
    try {
      localStorage.setItem(this.key, JSON.stringify([...favourites]));
    } catch {
      // they last as long as the page
    }
  }
}
