// What is put into the viewer's page before its own code: eyes only. It notes the peer connections that the page makes
// and when a video element got its first frames, and reads pixels of the picture. It changes nothing that the page
// does.

/** Runs in the page. */
export function probe() {
  const seen = { peers: [], frames: [], videos: [], clicks: [], frameCount: 0 };
  const MAX_FRAMES = 4096;
  globalThis.__probe = seen;

  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = new Proxy(Native, {
    construct(target, args, newTarget) {
      const peer = Reflect.construct(target, args, newTarget);
      seen.peers.push(peer);
      return peer;
    },
  });

  const watch = (video) => {
    if (seen.videos.includes(video)) return;
    seen.videos.push(video);
    const onFrame = (now, metadata) => {
      seen.frameCount += 1;
      if (seen.frames.length < MAX_FRAMES) seen.frames.push({ at: now, presented: metadata.presentedFrames });
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  };
  const { set, get } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
    configurable: true,
    get,
    set(stream) {
      if (this instanceof HTMLVideoElement && stream) watch(this);
      set.call(this, stream);
    },
  });

  for (const kind of ['click', 'pointerdown']) {
    addEventListener(kind, (event) => {
      if (event.isTrusted) seen.clicks.push({ kind, at: event.timeStamp });
    }, { capture: true });
  }

  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  /** The video that shows something, if there is one. */
  seen.video = () => seen.videos.filter((video) => video.isConnected && video.videoWidth > 0).at(-1);
  const draw = () => {
    const video = seen.video();
    if (!video) return false;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    return true;
  };
  /** How dark the darkest pixel of an area is: the most of its red, green and blue, of 255. */
  seen.darkest = (x, y, width, height) => {
    if (!draw()) return 255;
    const { data } = context.getImageData(x, y, width, height);
    let darkest = 255;
    for (let i = 0; i < data.length; i += 4) darkest = Math.min(darkest, Math.max(data[i], data[i + 1], data[i + 2]));
    return darkest;
  };
  /** The middle of the pixels near a colour, in desktop pixels; looks at every fourth pixel each way. */
  seen.find = ([red, green, blue], tolerance, atLeast) => {
    if (!draw()) return null;
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    const xs = [];
    const ys = [];
    for (let y = 2; y < height; y += 4) {
      for (let x = 2; x < width; x += 4) {
        const i = (y * width + x) * 4;
        const far = Math.max(Math.abs(data[i] - red), Math.abs(data[i + 1] - green), Math.abs(data[i + 2] - blue));
        if (far <= tolerance) {
          xs.push(x);
          ys.push(y);
        }
      }
    }
    if (xs.length < atLeast) return null;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    return { x: middle(xs), y: middle(ys), width, height, points: xs.length };
  };
}
