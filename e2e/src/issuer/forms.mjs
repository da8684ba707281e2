// What every site of the issuer does with a request's body, and how it shows a page.

const MAX_BODY_BYTES = 16 * 1024;

/** The text that came with a request. */
export async function readBody(request, atMost = MAX_BODY_BYTES) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > atMost) throw new Error('the request is too long');
  }
  return text;
}

/** The fields of a form, in either of HTML's two notations. */
export async function readForm(request) {
  const type = request.headers['content-type'] ?? '';
  const text = await readBody(request);
  if (!type.startsWith('multipart/form-data')) return new URLSearchParams(text);
  return new URLSearchParams([...await new Response(text, { headers: { 'content-type': type } }).formData()]);
}

/** Shows a page. */
export function html(response, text, status = 200) {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}

/** Tells a program. */
export function json(response, value, status = 200, headers = {}) {
  response.writeHead(status, { ...headers, 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(value));
}
