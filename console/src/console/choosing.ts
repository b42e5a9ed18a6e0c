// Choosing a reason by a key: the digits that people dial for it, or a letter with which a word of it begins.

/** The part of a reason that counts. */
export interface Choice {
  code: string;
  words: string;
  digit: string | null;
}

/** Digits that come within this many milliseconds are one number: "41" is not "4" and then "1". */
const TOGETHER = 1000;

export class Choosing {
  private dialled = '';
  private last = -Infinity;

  /** Which one a key chooses at a time (in milliseconds) while `chosen` is; null: none. The same letter again goes on. */
  press(key: string, choices: readonly Choice[], chosen: string, at: number): string | null {
    if (/^\d$/.test(key)) return this.dial(key, choices, at);
    this.dialled = '';
    return /^[\p{L}\p{N}]$/u.test(key) ? begun(fold(key), choices, chosen) : null;
  }

  private dial(digit: string, choices: readonly Choice[], at: number): string | null {
    const both = at - this.last < TOGETHER ? this.dialled + digit : digit;
    this.dialled = choices.some((one) => one.digit?.startsWith(both)) ? both : digit;
    this.last = at;
    return choices.find((one) => one.digit === this.dialled)?.code ?? null;
  }
}

/** The next one after `chosen` of which a word begins so. */
function begun(letter: string, choices: readonly Choice[], chosen: string): string | null {
  const after = choices.findIndex((one) => one.code === chosen) + 1;
  const inTurn = [...choices.slice(after), ...choices.slice(0, after)];
  return inTurn.find((one) => fold(one.words).split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(letter)))?.code ?? null;
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
