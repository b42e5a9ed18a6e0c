// Text from calendars and people: shown as text, never trusted to behave.

// Marks that turn the direction of what follows, and controls; what is left of them would reorder its surroundings.
// eslint-disable-next-line no-control-regex
const TURNING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const LONGEST = 2000;

/** Without what turns directions, and cut where no person would read on. */
export function plain(text: string | null | undefined, longest: number = LONGEST): string {
  if (!text) return '';
  const clean = text.slice(0, longest * 2).replace(TURNING, '');
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}

/** For comparing: case and accents folded, one space between words. "Åsa Öberg" and "asa oberg" are the same. */
export function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/ø/g, 'o')
    .replace(/æ/g, 'ae')
    .replace(/œ/g, 'oe')
    .replace(/ß/g, 'ss')
    .replace(/đ/g, 'd')
    .replace(/ł/g, 'l')
    .replace(/þ/g, 'th')
    .replace(/\s+/g, ' ')
    .trim();
}
