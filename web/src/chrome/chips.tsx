/** Chips and avatars of the list, for the parts of the page that Preact draws. */
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../client";
import { makeAvatar, type Avatar as Drawn } from "../table/avatar";
import { chipPlace } from "../table/chipcells";
import type { Chip } from "../table/chips";

/** A token's picture, the same as in the list. */
export function Avatar({ row, images }: { row: Row; images: string | null }) {
  const place = useRef<HTMLSpanElement>(null);
  const drawn = useRef<Drawn | null>(null);
  useEffect(() => {
    drawn.current = makeAvatar();
    place.current!.replaceChildren(drawn.current.node);
  }, []);
  useEffect(() => drawn.current?.update(row, images));
  return <span class="picture" ref={place} />;
}

/** Chips beside each other. */
export function Chips({ chips, kind = "marks" }: { chips: readonly Chip[]; kind?: "marks" | "safety" }) {
  const place = useRef<HTMLSpanElement>(null);
  const draw = useRef<ReturnType<typeof chipPlace> | null>(null);
  useEffect(() => {
    draw.current ??= chipPlace(place.current!);
    draw.current(chips);
  });
  return <span class={kind} ref={place} />;
}

/** Every chip in words, one line each; unknown ones too. */
export function ChipsInWords({ chips }: { chips: readonly Chip[] }) {
  return (
    <ul class="inwords">
      {chips.map((chip) => (
        <li key={`${chip.kind} ${chip.label}`}>
          <Chips chips={[chip]} />
          <span aria-hidden="true">{chip.words}</span>
        </li>
      ))}
    </ul>
  );
}
