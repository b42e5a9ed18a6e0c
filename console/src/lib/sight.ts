// What has just appeared is seen.

/** An attachment: scroll to it where it is below an edge, as a fault at the end of a long dialog is. */
export function inSight(element: HTMLElement): void {
  element.scrollIntoView({ block: 'nearest' });
}
