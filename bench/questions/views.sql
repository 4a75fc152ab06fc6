-- scopes
from main.scopes

-- runs
from main.runs

-- run_scopes
from main.run_scopes

-- listings
from main.listings
