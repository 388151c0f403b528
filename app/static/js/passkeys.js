/* Asks the browser for a passkey, or for a new one, and sends what it answered as an ordinary form. */
(() => {
  if (!window.PublicKeyCredential) return;
  const decode = (text) => {
    const base64 = text.replace(/-/g, "+").replace(/_/g, "/");
    return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer;
  };
  const encode = (buffer) => {
    let text = "";
    for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const known = (list) => (list || []).map((one) => ({ ...one, id: decode(one.id) }));

  const asked = async (form) => {
    const body = new FormData();
    if (form.dataset.purpose) body.set("purpose", form.dataset.purpose);
    const headers = { "X-CSRFToken": form.elements.csrf_token.value };
    const response = await fetch(form.dataset.challenge, { method: "POST", body, headers });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  };

  const create = async (options) => {
    options.challenge = decode(options.challenge);
    options.user.id = decode(options.user.id);
    options.excludeCredentials = known(options.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey: options });
    const transports = made.response.getTransports ? made.response.getTransports() : [];
    return answer(made, { attestationObject: encode(made.response.attestationObject), transports });
  };

  const get = async (options) => {
    options.challenge = decode(options.challenge);
    options.allowCredentials = known(options.allowCredentials);
    const shown = await navigator.credentials.get({ publicKey: options });
    const { authenticatorData, signature, userHandle } = shown.response;
    return answer(shown, {
      authenticatorData: encode(authenticatorData),
      signature: encode(signature),
      userHandle: userHandle ? encode(userHandle) : null,
    });
  };

  const answer = (credential, response) => ({
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    response: { clientDataJSON: encode(credential.response.clientDataJSON), ...response },
  });

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[data-failed]");
    const button = form.querySelector("button");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      said.textContent = "";
      button.disabled = true;
      try {
        const options = await asked(form);
        const act = form.dataset.passkey === "create" ? create : get;
        form.querySelector("[data-answer]").value = JSON.stringify(await act(options));
        form.submit();
      } catch {
        said.textContent = said.dataset.failed;
        button.disabled = false;
      }
    });
  }
})();
