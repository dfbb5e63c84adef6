// Ask the browser for a passkey, and send what it answers with the form. Without this script the code of an app is the way.
const known = window.PublicKeyCredential ?? {};
const ask = {
  create: async (options) => navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(options) }),
  get: async (options) => navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(options) }),
};
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const failed = form.querySelector("[data-failed]");
  form.querySelector("button").disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failed.textContent = "";
    try {
      const answer = await ask[form.dataset.passkey](JSON.parse(form.dataset.options));
      form.elements.credential.value = JSON.stringify(answer.toJSON());
      form.submit();
    } catch {
      failed.textContent = failed.dataset.failed;
    }
  });
}
