// The choice of a country fills in its usual currency, time zone and language, except in fields that the user changed.
// Select2 announces changes by jQuery alone.
document.addEventListener("DOMContentLoaded", () => {
    const $ = django.jQuery;
    let isFilling = false;

    const fill = (select) => {
        const usual = JSON.parse(select.dataset.presets)[select.value] ?? {};
        isFilling = true;
        for (const [name, value] of Object.entries(usual)) {
            const field = select.form.elements[name];
            if (field && value && !field.dataset.isTouched) {
                $(field).val(value).trigger("change");
            }
        }
        isFilling = false;
    };

    $(document).on("change", "select, input", (event) => {
        if (isFilling) return;
        if (event.target.dataset.presets) fill(event.target);
        else event.target.dataset.isTouched = "yes";
    });
});
