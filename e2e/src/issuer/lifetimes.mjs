// How long lives what the issuer hands out. A test that waits for an end can't wait for the vendors' own.

/** Seconds: device codes of GitHub and OpenAI, access tokens as most vendors have them. */
const VENDORS_OWN = { deviceCodes: 900, accessTokens: 3600 };

const seconds = { ...VENDORS_OWN };

/** What is made from now on lives for so many seconds; what is not named, for as long as the vendors' own. */
export function live(wanted) {
  Object.assign(seconds, VENDORS_OWN, wanted);
}

export const deviceCodesLive = () => seconds.deviceCodes;
export const accessTokensLive = () => seconds.accessTokens;
