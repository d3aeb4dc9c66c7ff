"""The site, which `python -m sphinx -W --keep-going docs docs/_build/html` builds.

It needs what `pip install ".[docs]"` brings.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import nnfast

project = "nnfast"
author = "the authors of nnfast"
release = nnfast.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "mathml",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "nnfast"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False

# Markdown
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

# notebooks: pages with code cells, executed anew in every build
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "warn"

# the API, from docstrings
napoleon_use_rtype = False
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
maximum_signature_line_length = 72
python_use_unqualified_type_names = True
