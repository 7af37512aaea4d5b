"""Specs to start from: what ``imgaudit init`` writes, and the demo's audit of a face GAN."""

from typing import Any

__all__ = ["DEMO_PACKS", "DEMO_SPEC", "STARTERS"]

DEMO_PACKS = ("centerface", "dcgan-digiface", "efficientnet-lite0", "perceived-gender-age")

_DCGAN = {
    "factory": "generators.dcgan:generator",
    "pack": "dcgan-digiface",
    "file": "weights.tar",
    "state_key": "netG_state_dict",
    "latent": [100, 1, 1],
    "batch": 64,
}

DEMO_SPEC: dict[str, Any] = {
    "name": "demo-faces",
    "seed": 2026,
    "generators": [
        {"use": "gan", "name": "dcgan", "params": _DCGAN},
        {
            "use": "degraded",
            "name": "dcgan-blurred",
            "params": {"of": {"use": "gan", "params": _DCGAN}, "blur": 1.5, "batch": 64},
        },
    ],
    "probes": [{"use": "latents", "params": {"count": 512}}],
    "scorers": [
        {"use": "pixels"},
        {"use": "features", "params": {"pack": "efficientnet-lite0"}},
        {"use": "faces"},
        {"use": "attributes"},
    ],
    "metrics": [
        {"use": "fidelity", "params": {"reference": "dcgan-blurred", "floor": True}},
        {"use": "representation", "name": "perceived_gender", "params": {"column": "attributes.perceived_gender"}},
        {"use": "representation", "name": "perceived_age", "params": {"column": "attributes.perceived_age_band"}},
        {
            "use": "means",
            "name": "resolution",
            "params": {"columns": ["pixels.width", "pixels.height", "pixels.sharpness"]},
        },
        {"use": "outcomes", "params": {"columns": ["faces.count"]}},
    ],
    "gates": [
        {
            "metric": "fidelity.floor_kid",
            "at_most": 0.05,
            "note": "Passes by design: two halves of one sample differ by noise only.",
        },
        {
            "metric": "fidelity.kid",
            "at_most": 0.05,
            "note": "Fails by design: the comparison is with a copy that the demo blurred, a known-worse generator.",
        },
        {
            "metric": "perceived_age.share",
            "where": {"label": "50 and over"},
            "at_least": 0.05,
            "note": "Inconclusive by design: the limit lies inside the interval, and 512 images cannot tell on which side.",
        },
    ],
}

_HEAD = """\
# An audit: what is asked, how it is measured, and what counts as good enough.
#   imgaudit plan audit.yaml     checks it and says what this many images can detect
#   imgaudit run audit.yaml      draws, scores, measures, judges; run it again to resume
# Any field can be overridden: imgaudit run audit.yaml --set draws_per_probe=32
name: {name}
seed: 7                 # every image's own seed is derived from it
draws_per_probe: 8      # more of them later extend the same run
confidence: 0.95
"""

_DIFFUSION = """
generators:
  - use: diffusion
    name: model
    params:
      model: ./my-pipeline      # a diffusers folder, or a hub id with `revision:`
      steps: 30
      guidance: 7.0
      dtype: fp16               # fp32 on a CPU
      batch: 4

probes:
  - use: occupations            # `imgaudit list probes` shows the others

scorers:
  - use: pixels
  - use: clip
    params: {pack: clip-vit-b-32}   # imgaudit weights pull clip-vit-b-32
  - use: faces
  - use: attributes             # imgaudit weights pull centerface perceived-gender-age
  # - use: skin_tone            # apparent tone of skin as it is shown, lighting included

references:                         # shares are laid beside each; none is a target
  - use: uniform
  - use: us_workforce_2022

metrics:
  - use: representation
    params: {column: attributes.perceived_gender, by: [occupation]}
  # - use: apparent_tone
  #   params: {by: [occupation]}
  - use: alignment
  - use: outcomes
    params: {columns: [faces.count]}

gates:
  - metric: alignment.clipscore
    at_least: 0.6
  - metric: outcomes.failed
    at_most: 0.03
"""

_GAN = """
generators:
  - use: gan
    name: model
    params:
      torchscript: ./generator.pt   # or `program:` (.pt2), or `factory:` with `weights:`
      latent: [512]
      batch: 16
  - use: folder                     # real images to compare with
    name: photos
    params: {path: ./reference}

probes:
  - use: latents
    params: {count: 1000}

scorers:
  - use: pixels
  - use: features
    params: {pack: efficientnet-lite0}   # imgaudit weights pull efficientnet-lite0

metrics:
  - use: fidelity
    params: {reference: photos}
  - use: outcomes

gates:
  - metric: fidelity.kid
    at_most: 0.05                   # in units of the kernel, not times 1000
"""

_FOLDER = """
generators:
  - use: folder
    name: images
    params:
      path: ./images
      # table: ./images.csv         # file, prompt and any axes, one row an image
      subject_basis: generated      # or on what basis photographs of people may be looked at

scorers:
  - use: pixels
  - use: faces
  - use: attributes                 # imgaudit weights pull centerface perceived-gender-age
  # - use: skin_tone                # apparent tone of skin as it is shown, lighting included

metrics:
  - use: representation
    params: {column: attributes.perceived_gender}
  # - use: apparent_tone
  - use: outcomes
    params: {columns: [faces.count]}

gates:
  - metric: outcomes.failed
    at_most: 0.03
"""

_ENDPOINT = """
generators:
  - use: endpoint
    name: model
    params:
      base_url: https://api.example.com/v1
      model: image-model
      size: 1024x1024
      key_env: IMAGE_API_KEY        # the key is read from this variable, never stored

probes:
  - use: counterfactual

scorers:
  - use: pixels
  - use: faces
  - use: attributes                 # imgaudit weights pull centerface perceived-gender-age

metrics:
  - use: outcomes
    params: {columns: [faces.count]}
  - use: representation
    params: {column: attributes.perceived_gender}
  - use: counterfactual             # what one fact in the prompt changes, beyond any change of wording
    params: {column: attributes.perceived_gender, level: feminine}

gates:
  - metric: outcomes.refused
    at_most: 0.05
"""

_PHANTOM = """
generators:
  - use: phantom                    # draws people who do not exist, with a bias that is known; needs no weights
    name: model
    params: {preset: skewed}        # or `even`, `regressed`, or `truth: my-table.toml`
  # A trained model in its place, with `banks: {model: skewed}` instead of `tables` below:
  # - use: diffusion
  #   name: model
  #   params: {pack: phantom-skewed, steps: 8, guidance: 1.0, batch: 64}

probes:
  - use: phantom                    # twelve occupations, asked silently: what is shown is the generator's own choice

scorers:
  - use: pixels
  - use: phantom_oracle             # reads these drawings; use `attributes` or `zero_shot` for a model of your own

metrics:
  - use: representation
    params: {column: phantom_oracle.perceived_presentation, by: [occupation]}
  - use: outcomes
    params: {columns: [phantom_oracle.perceived_presentation]}
  - use: phantom_truth              # what was measured against what is true
    params:
      tables: {model: skewed}
      groups:
        indoors: [doctor, nurse, painter, scientist]
        outdoors: [builder, firefighter, pilot, police officer]

gates:
  - metric: representation.share
    where: {label: feminine}
    at_least: 0.3
    note: Passes, because the planted skew of the occupations cancels over all of them.
  - metric: phantom_truth.difference
    where: {group: indoors, against: outdoors}
    at_most: 0.25
    note: Fails, because this skew was planted. The preset `even`, named in both places, passes.
"""

STARTERS = {
    "phantom": _HEAD.format(name="my-phantom") + _PHANTOM,
    "diffusion": _HEAD.format(name="my-diffusion-model") + _DIFFUSION,
    "gan": _HEAD.format(name="my-gan") + _GAN,
    "folder": _HEAD.format(name="my-folder") + _FOLDER,
    "endpoint": _HEAD.format(name="my-endpoint") + _ENDPOINT,
}
