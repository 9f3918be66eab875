const PASSAGE = 240;
const MAX_TITLE = 120;

/** A document's first heading, else its file's name. */
export function titleOf(text: string, name: string): string {
  const start = text.slice(0, 4000);
  const heading = /^#{1,6}[ \t]+(\S[^\n]*)$/m.exec(start)?.[1]?.trim();
  return (heading ?? name).slice(0, MAX_TITLE);
}

/** The text around the first of the words that were found, on one line. */
export function snippet(text: string, words: readonly string[]): string {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((place) => place >= 0);
  const middle = places.length > 0 ? Math.min(...places) : 0;
  const start = Math.max(0, middle - PASSAGE / 3);
  const passage = text.slice(start, start + PASSAGE).replace(/\s+/g, " ").trim();
  return `${start > 0 ? "…" : ""}${passage}${start + PASSAGE < text.length ? "…" : ""}`
    .toWellFormed();
}
