//! A finger's movement as a wheel's, which the terminal understands wherever it is: it scrolls back, or tells the program.

/** Listens until the returned function is called. */
export function wheelByTouch(element: HTMLElement): () => void {
  const life = new AbortController();
  let last: number | undefined;
  const start = ({ touches }: TouchEvent) => {
    last = touches.length === 1 ? touches[0]?.clientY : undefined;
  };
  const move = (event: TouchEvent) => {
    const [touch] = event.touches;
    if (last === undefined || !touch) return;
    const deltaY = last - touch.clientY;
    last = touch.clientY;
    event.preventDefault();
    event.target?.dispatchEvent(
      new WheelEvent("wheel", {
        deltaY,
        clientX: touch.clientX,
        clientY: touch.clientY,
        bubbles: true,
        cancelable: true,
      }),
    );
  };
  element.addEventListener("touchstart", start, { signal: life.signal, passive: true });
  element.addEventListener("touchmove", move, { signal: life.signal, passive: false });
  return () => life.abort();
}
