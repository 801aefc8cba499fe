"""A change is carried out on the local stack before it is merged: `groundwork rehearse`."""
