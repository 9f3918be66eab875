/**
 * Finds all places of a text in another, overlapping ones too, in linear time
 * (Knuth, Morris and Pratt, 1977). The engine's own search compares anew at
 * each place for some texts, which for a megabyte of one letter means hours.
 *
 * @param limit After how many places to stop.
 */
export function findAll(text: string, wanted: string, limit: number): readonly number[] {
  if (wanted === "" || limit < 1) return [];
  const fallback = new Int32Array(wanted.length);
  for (let i = 1, matched = 0; i < wanted.length; i++) {
    while (matched > 0 && wanted[i] !== wanted[matched]) matched = fallback[matched - 1]!;
    if (wanted[i] === wanted[matched]) matched++;
    fallback[i] = matched;
  }
  const places: number[] = [];
  for (let i = 0, matched = 0; i < text.length; i++) {
    while (matched > 0 && text[i] !== wanted[matched]) matched = fallback[matched - 1]!;
    if (text[i] === wanted[matched]) matched++;
    if (matched === wanted.length) {
      places.push(i - matched + 1);
      if (places.length >= limit) return places;
      matched = fallback[matched - 1]!;
    }
  }
  return places;
}
