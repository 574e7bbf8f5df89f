"""The page: what every view is made of. Streamlit and Plotly are known here and above only."""
