// Which rows of a long list are drawn. All rows are equally high.

export interface Window {
  /** The first row drawn, and the one after the last. */
  first: number;
  last: number;
}

/** Those in sight, and `more` on either side so that scrolling finds them there. */
export function windowOf(top: number, height: number, row: number, count: number, more: number): Window {
  const most = Math.max(0, count * row - height);
  const at = Math.min(Math.max(0, top), most); // what is scrolled to may be past the end of a list that became shorter
  const first = Math.max(0, Math.floor(at / row) - more);
  const last = Math.min(count, Math.ceil((at + height) / row) + more);
  return { first, last };
}

/** Where to scroll to so that a row can be seen, as little as possible. */
export function revealing(index: number, top: number, height: number, row: number): number {
  if (index * row < top) return index * row;
  if ((index + 1) * row > top + height) return (index + 1) * row - height;
  return top;
}
