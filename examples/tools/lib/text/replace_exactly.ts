import { invalid, tooMuch } from "../refuse.ts";
import { findAll } from "./find_all.ts";

/** What to replace. */
export interface Replacement {
  /** The text to find, letter by letter: no pattern. */
  readonly oldText: string;
  /** The text to put there, as it is: `$&` is `$&`. */
  readonly newText: string;
  /** How many places have to match; all of them are replaced. */
  readonly count: number;
  /** How many characters the result may have. */
  readonly maxLength: number;
}

/**
 * Replaces a text that occurs exactly as often as the caller believes, and
 * refuses otherwise: who is wrong about that has not seen the file.
 *
 * @throws {AgenkitError} `invalid_argument` or `resource_exhausted`.
 */
export function replaceExactly(text: string, replacement: Replacement): string {
  const { oldText, newText, count, maxLength } = replacement;
  if (oldText === "") throw invalid("Cannot edit: the old text must not be empty");
  if (oldText === newText) throw invalid("Cannot edit: the new text is the old one");
  if (newText.includes("\0") || !newText.isWellFormed()) {
    throw invalid("Cannot edit: expected text without NUL and unpaired surrogates");
  }
  // One more than expected is enough to know that it is wrong.
  const places = findAll(text, oldText, count + 1);
  if (places.length !== count) {
    throw invalid(
      `Cannot edit: expected ${count} place${count === 1 ? "" : "s"} with the old text, got ${
        places.length > count ? "more" : places.length
      }${hint(text, oldText, places.length)}`,
    );
  }
  if (places.some((place, i) => i > 0 && place < places[i - 1]! + oldText.length)) {
    throw invalid("Cannot edit: the places with the old text overlap");
  }
  const length = text.length + count * (newText.length - oldText.length);
  if (length > maxLength) {
    throw tooMuch(
      `Cannot edit: expected a result of at most ${maxLength} characters, got ${length}`,
    );
  }
  const pieces: string[] = [];
  let at = 0;
  for (const place of places) {
    pieces.push(text.slice(at, place), newText);
    at = place + oldText.length;
  }
  pieces.push(text.slice(at));
  return pieces.join("");
}

function hint(text: string, oldText: string, found: number): string {
  if (found > 0) return "; give more of the lines around it, or the right count";
  return text.includes("\r\n") && /(?<!\r)\n/.test(oldText)
    ? "; the file's lines end with \\r\\n"
    : "";
}
