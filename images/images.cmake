# The images that the build needs: the embedded one.
