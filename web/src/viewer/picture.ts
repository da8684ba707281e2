//! The picture's elements. They belong to the viewer, not to a component: a component lends a place to `host`, and a
//! re-mount moves it without a new connection (failure 17). The last frame of a lost connection stays, as a still, until
//! the first frame of the next one: a video whose stream has ended turns black.

import { FRAME_STATS_MS } from "./limits";

export class Picture {
  readonly host: HTMLDivElement;
  #shown: HTMLVideoElement | undefined;
  #still: HTMLCanvasElement | undefined;
  #coming: HTMLVideoElement | undefined;

  constructor() {
    this.host = document.createElement("div");
    this.host.className = "picture";
  }

  /** Shows a stream as soon as it has a frame, and says so once. */
  show(
    stream: MediaStream,
    framesDecoded: () => Promise<number>,
    onFrame: () => void,
    signal: AbortSignal,
  ): void {
    this.#coming?.remove();
    const video = makeVideo(stream);
    this.#coming = video;
    this.host.prepend(video);
    const first = () => {
      if (signal.aborted || this.#coming !== video) return;
      this.#dropShown();
      this.#shown = video;
      this.#coming = undefined;
      onFrame();
    };
    video.requestVideoFrameCallback?.(first);
    void untilDecoded(video, framesDecoded, signal).then((decoded) => decoded && first());
    play(video);
  }

  /** Keeps what is seen as a still. To be called before its connection is closed. */
  hold(): void {
    const video = this.#shown;
    if (!video?.videoWidth) return;
    const still = document.createElement("canvas");
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d")?.drawImage(video, 0, 0);
    video.replaceWith(still);
    this.#shown = undefined;
    this.#still = still;
  }

  /** The element lost its place in the page and has it again: browsers pause a video that is taken out. */
  resume(): void {
    for (const video of [this.#shown, this.#coming]) if (video) play(video);
  }

  /** The size of the picture as it arrives, if there is one. */
  get size(): { width: number; height: number } | undefined {
    const video = this.#shown;
    return video?.videoWidth ? { width: video.videoWidth, height: video.videoHeight } : undefined;
  }

  clear(): void {
    this.#dropShown();
    this.#coming?.remove();
    this.#coming = undefined;
  }

  #dropShown(): void {
    this.#shown?.remove();
    this.#still?.remove();
    this.#shown = undefined;
    this.#still = undefined;
  }
}

function makeVideo(stream: MediaStream): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.tabIndex = -1;
  video.srcObject = stream;
  return video;
}

function play(video: HTMLVideoElement): void {
  // A muted video may always play; a refusal means that it was taken away meanwhile.
  video.play().catch(() => undefined);
}

/** A hidden page gets no frame callbacks, but its decoder counts. A shown one has the frame only when its element has:
 * the decoder is a moment ahead, in which the still would be taken away for nothing. */
async function untilDecoded(
  video: HTMLVideoElement,
  framesDecoded: () => Promise<number>,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    const canShow = document.hidden || video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (canShow && (await framesDecoded().catch(() => 0)) > 0) return true;
    await new Promise((done) => setTimeout(done, FRAME_STATS_MS));
  }
  return false;
}
